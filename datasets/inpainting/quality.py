"""Where measuring inpainters was; `python evaluate.py inpainters` does it now."""

import sys

if __name__ == "__main__":
    print("error: this command is called python evaluate.py inpainters now", file=sys.stderr)
    sys.exit(2)
