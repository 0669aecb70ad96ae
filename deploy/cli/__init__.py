"""The `opecom` command, one file per group of subcommands."""
