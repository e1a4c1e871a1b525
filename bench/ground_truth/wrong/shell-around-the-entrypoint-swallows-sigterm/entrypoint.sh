#!/bin/sh
umask 027
exec node server.js
