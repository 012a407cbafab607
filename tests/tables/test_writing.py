import pytest

from denoscope.errors import RunError
from denoscope.tables import replacing
from denoscope.tables.writing import umask


def test_replacing_is_all_or_nothing(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(error):
        with replacing(path) as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError())
    assert path.read_text() == "old"
    with pytest.raises(RunError, match="writing failed"):
        fail(OSError(28, "No space left on device"))
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    with replacing(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o044 == 0o044 & ~umask()
