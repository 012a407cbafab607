"""`denoscope train`: a network and its loss, in a run that can be killed and resumed."""

from denoscope.cli import options as opt
from denoscope.cli import train_options as words
from denoscope.cli.speech import Voice
from denoscope.cli.train_job import run_training
from denoscope.cli.train_options import ArchName, AugmentName, Precision

__all__ = ["train"]


def train(
    data: words.TrainData,
    images: words.Images,
    out: words.Run,
    size: opt.Size = None,
    split_seed: words.SplitSeed = 0,
    twin: words.Twin = None,
    arch: words.Arch = ArchName.DDPMPP,
    preconditioning: words.Preconditioning = None,
    width: words.Width = None,
    multipliers: words.Multipliers = None,
    blocks: words.Blocks = None,
    attention: words.Attention = None,
    dropout: words.Dropout = None,
    heads: words.Heads = None,
    patch: words.Patch = None,
    level: words.Level = None,
    kimg: words.Kimg = None,
    batch: words.Batch = None,
    lr: words.Rate = None,
    warmup_kimg: words.Warmup = None,
    ema_half_life_kimg: words.HalfLife = None,
    precision: words.PrecisionWord = Precision.FP32,
    augment: words.Augment = AugmentName.NONE,
    seed: opt.Seed = 0,
    device: opt.Device = opt.DeviceName.AUTO,
    stop_when: words.StopWhen = None,
    snapshots_kimg: words.Snapshots = None,
    resume: words.Resume = False,
    tracker: words.Tracker = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> int:
    """Train a diffusion network on N pictures; all others of DATA stay held out.

    Interrupted or killed at any moment, it goes on with --resume, to the same weights bit for bit.

    \b
    Examples:
      denoscope train --data mnist-5k --images 4000 --width 32 --out runs/mnist
      denoscope train --data photos/ --images 99 --stop-when memorizing --out run
    """
    voice = Voice(as_json, quiet)
    pictures, held_out, record = words.open_data(data, size, images, split_seed, twin)
    network = {"arch": arch, "preconditioning": preconditioning, "width": width}
    network |= {"multipliers": multipliers, "blocks": blocks, "attention": attention}
    network |= {"dropout": dropout, "heads": heads, "patch": patch}
    training = {"kimg": kimg, "batch": batch, "learning_rate": lr, "warmup_kimg": warmup_kimg}
    training |= {"ema_half_life_kimg": ema_half_life_kimg, "precision": precision, "level": level}
    training |= {"augment": augment, "snapshots_kimg": snapshots_kimg, "seed": seed}
    settings = words.read_settings(pictures.shape, network, training)
    done = run_training(
        voice,
        settings,
        pictures,
        out,
        data=record,
        resume=resume,
        device=device.value,
        tracker=tracker and tracker.value,
        watched_on=held_out if stop_when else None,
    )
    voice.result(done)
    return 0
