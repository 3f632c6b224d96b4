def free():
    return True
