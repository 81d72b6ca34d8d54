"""The AWS emulator of the local stack: ministack, plus the AWS behaviour that this system needs and ministack lacks.

``launcher.py`` is the entry point; the emulator's own interpreter runs it. Each module closes one gap: it says what AWS
does, links to AWS's documentation, and has an ``install()`` that patches ministack (``patching.py``). Nothing here
imports the rest of the project, because that interpreter has ministack installed and nothing else.

What survives a kill: ``journal.py`` records each change to messages, records, metrics and executions before it is
acknowledged; ``state.py`` saves everything else, and keeps the journal short; ``object_files.py`` writes S3's files.
"""
