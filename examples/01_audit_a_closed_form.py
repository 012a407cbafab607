"""What does an audit say of a model that is memory, and of one that is mean and covariance alone?

    python examples/01_audit_a_closed_form.py

Both closed forms are known from a training set without training anything: the multi-delta gives its pictures
back, the Gaussian knows nothing but their mean and covariance.
"""

import denoscope as ds

pictures = ds.open_images("digits")
train, held_out = pictures.split(400, seed=0)

for denoiser in (ds.MultiDeltaDenoiser(train), ds.GaussianDenoiser.fit(train)):
    audit = ds.audit(denoiser, train, held_out, pictures=100, samples=60)
    print(f"{type(denoiser).__name__}: {audit.verdict.label} ({audit.verdict.confidence:.0%})")
    for reason in audit.verdict.reasons:
        print(f"  {reason.signal}: {reason.vote}. {reason.text}")
