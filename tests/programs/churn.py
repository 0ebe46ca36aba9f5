"""Takes and releases memory of several kinds until killed: anonymous, page cache, shared."""

import os
import random
import tempfile
import time

while True:
    held = bytearray(random.randrange(20, 300) << 20)
    with tempfile.TemporaryFile(dir="/dev/shm") as shared:
        shared.write(bytes(random.randrange(1, 30) << 20))
        with tempfile.NamedTemporaryFile() as cached:
            cached.write(bytes(random.randrange(1, 60) << 20))
            cached.seek(0)
            cached.read()
            time.sleep(random.random() / 2)
    del held
