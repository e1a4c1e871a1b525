FROM localhost/trimtab/nginx:1.22-bookworm
RUN mkdir -p /srv/site/pages \
 && printf 'page one\n' > /srv/site/pages/1.txt \
 && printf 'page two\n' > /srv/site/pages/2.txt \
 && chmod -R a+rX /srv/site
COPY <<'EOF' /etc/nginx/conf.d/site.conf
server {
    listen 8080;
    root /srv/site/pages;
    location / { try_files $uri =404; }
}
EOF
EXPOSE 8080
