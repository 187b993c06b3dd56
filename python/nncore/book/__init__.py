"""The modules of Nielsen's *Neural Networks and Deep Learning*, run by the C++ core.

`network`, `network2`, `mnist_loader` and `expand_mnist` have the names, signatures, shapes and
printed lines of the book's own modules: a script written for the book runs when its import lines
change to `from nncore.book import network, mnist_loader`.
"""
