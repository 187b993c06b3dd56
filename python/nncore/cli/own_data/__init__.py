"""The commands with users' own data: tables and folders of images."""
