"""Uses a given share of a CPU (CPU time over wall time) until killed: duty.py SHARE"""

import sys
import time

share = float(sys.argv[1])
begin = time.monotonic()
used = time.process_time()
while True:
    if time.process_time() - used >= share * (time.monotonic() - begin):
        time.sleep(0.005)
