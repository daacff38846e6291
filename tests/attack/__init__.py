"""Attacks on the commands: hostile files, parameters and plans, disks that are full or read-only, and kills.

Run from the project's root: ``python -m tests.attack --seconds 600`` (`make attack`). Each command is a process of its
own, which must end within its time and memory, with status 0, 1 or 2, without a traceback, and leave nothing half
written. A writer that was killed and is started again must give the bytes of one that was not. A try depends on its
number, and kills on the speed of the machine: ``--first NUMBER --tries 1`` repeats it.
"""
