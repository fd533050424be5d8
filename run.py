"""The one command: ``run.py dev | serve | web | worker | front-machine | migrate | pki | check | token | schema``."""

from server.cli import main

if __name__ == "__main__":
    main()
