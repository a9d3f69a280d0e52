"""`python -m nano_u` is `nano-u`."""

import sys

from nano_u.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
