"""Which path is which view."""
from django.conf import settings
from django.contrib.auth import views as auth
from django.urls import path

from board import faults, views

urlpatterns = [
    path('', views.board),
    path('health', views.health),
    path('worker', views.worker),
    path('login', auth.LoginView.as_view()),
    path('logout', auth.LogoutView.as_view(next_page='/login')),
]
if settings.FAULTS:
    urlpatterns += [
        path('hang/loop', faults.hang_loop),
        path('hang/thread', faults.hang_thread),
        path('slow', faults.slow),
    ]
