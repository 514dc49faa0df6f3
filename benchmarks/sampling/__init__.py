"""The parts of `flow_sampling.py`: the contenders, each in a process of its own, the pipe to them, and the report."""
