"""`python -m deploy` is `opecom`: how the supervisor starts its children, wherever the script is installed."""

from deploy.cli.main import main

if __name__ == "__main__":
    main()
