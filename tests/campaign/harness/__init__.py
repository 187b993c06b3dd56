"""The campaign: attacks on nncore, for as long as one likes.

`python tests/campaign --minutes 3` runs every part for its share of the time; CONTRIBUTING.md says
more. A part (`base.Part`) draws cases from a seed and tries them, thousands of them in one worker
process, which may crash or hang: the runner sees that, keeps the case in a file, and goes on.
"""
