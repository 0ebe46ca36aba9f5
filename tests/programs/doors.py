"""The load averages by the ways of asking that are not programs: `NAME one five fifteen` for each."""

import ctypes
import os


class Sysinfo(ctypes.Structure):
    _fields_ = [("uptime", ctypes.c_long), ("loads", ctypes.c_ulong * 3), ("rest", ctypes.c_char * 200)]


def show(name, loads):
    print(name, *("%.2f" % load for load in loads), flush=True)


libc = ctypes.CDLL(None)
info = Sysinfo()
libc.sysinfo(ctypes.byref(info))
loads = (ctypes.c_double * 3)()
libc.getloadavg(loads, 3)
show("sysinfo", [load / 65536 for load in info.loads])
show("getloadavg", loads)
show("python", os.getloadavg())
