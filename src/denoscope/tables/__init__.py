"""Tables and summary of an audit: schemas, checks, and the folder they live in. Free of torch."""

from denoscope.tables.comparison import COMPARISON, Comparison, compare_audits
from denoscope.tables.folder import AuditTables, check_output, read_audit, write_audit
from denoscope.tables.looks import Look, WatchRecord, read_watch, write_watch
from denoscope.tables.measurements import INPUTS, MEASUREMENTS, SAMPLES, VALUES, TableName, conform
from denoscope.tables.summary import (
    DataNote,
    Figure,
    Label,
    LatentNote,
    LevelNote,
    ModelNote,
    Provenance,
    Reason,
    Summary,
    Verdict,
    summary_from_json,
)
from denoscope.tables.writing import plain_errors, replacing, write_file

__all__ = [
    "COMPARISON",
    "INPUTS",
    "MEASUREMENTS",
    "SAMPLES",
    "VALUES",
    "AuditTables",
    "Comparison",
    "DataNote",
    "Figure",
    "Label",
    "LatentNote",
    "LevelNote",
    "Look",
    "ModelNote",
    "Provenance",
    "Reason",
    "Summary",
    "TableName",
    "Verdict",
    "WatchRecord",
    "check_output",
    "compare_audits",
    "conform",
    "plain_errors",
    "read_audit",
    "read_watch",
    "replacing",
    "summary_from_json",
    "write_audit",
    "write_file",
    "write_watch",
]
