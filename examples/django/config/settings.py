"""Settings of the board: MySQL for its data, Redis for sessions and jobs, all by environment."""
import os

SECRET_KEY = os.environ['DJANGO_SECRET_KEY']
DEBUG = False
ALLOWED_HOSTS = os.environ.get('DJANGO_ALLOWED_HOSTS', 'localhost,127.0.0.1,[::1]').split(',')
ROOT_URLCONF = 'config.urls'
ASGI_APPLICATION = 'config.asgi.application'
INSTALLED_APPS = [
    'django.contrib.auth',
    'django.contrib.contenttypes',
    'django.contrib.sessions',
    'board',
]
MIDDLEWARE = [
    'django.middleware.security.SecurityMiddleware',
    'django.contrib.sessions.middleware.SessionMiddleware',
    'django.middleware.common.CommonMiddleware',
    'django.middleware.csrf.CsrfViewMiddleware',
    'django.contrib.auth.middleware.AuthenticationMiddleware',
]
TEMPLATES = [{
    'BACKEND': 'django.template.backends.django.DjangoTemplates',
    'APP_DIRS': True,
    'OPTIONS': {'context_processors': ['django.contrib.auth.context_processors.auth',
                                       'django.template.context_processors.request']},
}]

# A connection is kept for ten minutes. CONN_HEALTH_CHECKS came with Django 4.1: config/health.py
# does for 3.2 what it does.
DATABASES = {'default': {
    'ENGINE': 'django.db.backends.mysql',
    'NAME': os.environ.get('MYSQL_DATABASE', 'board'),
    'USER': os.environ.get('MYSQL_USER', 'board'),
    'PASSWORD': os.environ.get('MYSQL_PASSWORD', ''),
    'HOST': os.environ.get('MYSQL_HOST', '127.0.0.1'),  # a path is a Unix socket
    'PORT': os.environ.get('MYSQL_PORT', ''),
    'CONN_MAX_AGE': 600,
    'OPTIONS': {'charset': 'utf8mb4'},
}}
DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'

CACHES = {'default': {
    'BACKEND': 'django_redis.cache.RedisCache',
    'LOCATION': os.environ.get('REDIS_URL', 'redis://127.0.0.1:6379/0'),
}}
SESSION_ENGINE = 'django.contrib.sessions.backends.cache'
LOGIN_REDIRECT_URL = '/'

USE_TZ = True

# Views that hang and dawdle on purpose, to see what becomes of it.
FAULTS = os.environ.get('BOARD_FAULTS') == '1'

LOGGING = {
    'version': 1,
    'disable_existing_loggers': False,
    'formatters': {'line': {
        'format': '%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s'}},
    'handlers': {'stderr': {'class': 'logging.StreamHandler', 'formatter': 'line'}},
    'loggers': {name: {'handlers': ['stderr'], 'propagate': False,
                       'level': os.environ.get('GUNICORN_LOG_LEVEL', 'info').upper()}
                for name in ('django', 'board')},
}
