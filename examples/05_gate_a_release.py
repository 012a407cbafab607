"""Stop a release when the model memorizes: the exit code is 3, as with `denoscope audit --fail-on`.

    python examples/05_gate_a_release.py OUT && ./publish

The candidate here is the worst there can be, the multi-delta of its training set. Its tables are kept in OUT,
so that whoever is stopped can see why.
"""

import sys

import denoscope as ds

out = sys.argv[1] if len(sys.argv) > 1 else "audits/candidate"
train, held_out = ds.open_images("digits").split(400, seed=0)
candidate = ds.MultiDeltaDenoiser(train)

audit = ds.audit(candidate, train, held_out, pictures=100, samples=60)
audit.save(out, overwrite=True)
ds.write_report(out, pictures=False)  # without training pictures in it: it may be passed on

copies = audit.tables.samples.filter(denoiser="network", copied=True)
print(f"{audit.verdict.label} ({audit.verdict.confidence:.0%}); report in {out}/report.html")
print(
    f"{len(copies)} samples copy a training picture; the first: {copies['nearest_name'].to_list()[:3]}"
)
sys.exit(3 if audit.verdict.label == "memorizing" else 0)
