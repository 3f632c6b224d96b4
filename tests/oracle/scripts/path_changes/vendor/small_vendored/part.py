import tornado.ioloop

OK = tornado.ioloop is not None
