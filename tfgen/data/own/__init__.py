"""A user's own data: arrays, idx files and folders of pictures, split by hash and prepared once."""
