"""The AWS emulator of the local stack: ministack, with what this system needs of AWS and ministack lacks.

``launcher.py`` is the way in, run by the emulator's own interpreter. One module closes one gap, says what AWS does
there and where AWS documents it, and has an ``install()`` that puts it in place. Nothing in here imports the rest of
the project: the interpreter that runs it holds ministack and nothing else.
"""
