"""The command `nano-u`: one thin file per command; nothing heavy is imported before the command that needs it runs."""
