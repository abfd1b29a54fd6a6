"""A job whose module can't be imported in any time, as a library that waits for a lock or a GPU."""

import time

time.sleep(600)
