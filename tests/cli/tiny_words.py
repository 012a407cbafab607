"""Words that make the smallest run and the smallest audit."""

TINY_NETWORK = "--width 4 --multipliers 1 --blocks 1 --attention none --dropout 0"
TINY_TRAINING = f"--data digits --images 64 {TINY_NETWORK} --batch 16 --kimg 0.032"
TINY_AUDIT = "--pictures 8 --samples 4 --levels 4"
