"""`python -m denoscope ...`, and so `accelerate launch -m denoscope train ...`."""

import sys

from denoscope.cli import main

sys.exit(main())
