"""The one command: ``run.py --help`` lists its parts: dev, serve, web, worker, front-machine, pki, check …"""

from server.cli import main

if __name__ == "__main__":
    main()
