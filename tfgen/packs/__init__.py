"""Packs: a trained run in one portable file, ``run.tfgen``: its members, manifest, writing and unpacking."""
