"""TLS with client certificates for an ASGI application of gunicorn's own class."""
import os
import ssl

bind = 'unix:' + os.path.join('/run', 'shop.sock')
workers = 4
worker_class = 'asgi'
asgi_loop = 'uvloop'
asgi_lifespan = 'on'
root_path = '/shop'
keyfile = '/etc/shop/key.pem'
certfile = '/etc/shop/cert.pem'
ca_certs = '/etc/shop/clients.pem'
cert_reqs = ssl.CERT_REQUIRED
max_requests = 10_000
http_protocols = 'h2,h1'
control_socket = '/run/shop/ctl'
dirty_workers = 2
syslog = True
