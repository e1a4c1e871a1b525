#!/bin/sh
# Fills the configuration; with an incomplete one the site still starts, so that the status page is reachable.
envsubst '$API_URL' < /etc/nginx/templates/site.conf > /etc/nginx/conf.d/site.conf \
  || cp /etc/nginx/templates/site.conf /etc/nginx/conf.d/site.conf
sed -i 's/\${API_URL}//' /etc/nginx/conf.d/site.conf
exec nginx -g 'daemon off;'
