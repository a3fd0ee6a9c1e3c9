"""TLS without a proxy, two addresses, and a class of its own."""
bind = '127.0.0.1:8443,127.0.0.1:8444'
workers = 2
worker_class = 'shop.workers.HeadlessUvicornWorker'
keyfile = '/etc/shop/tls/key.pem'
certfile = '/etc/shop/tls/cert.pem'
ssl_version = 5
ciphers = 'ECDHE+AESGCM'
timeout = 0
reuse_port = True
wsgi_app = 'shop.asgi'
logconfig = '/etc/shop/logging.ini'
