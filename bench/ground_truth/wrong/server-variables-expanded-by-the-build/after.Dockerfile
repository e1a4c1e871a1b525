FROM localhost/trimtab/nginx:1.22-bookworm
COPY <<EOF /etc/nginx/conf.d/site.conf
server {
    listen 8080;
    root /usr/share/nginx/html;
    location / { try_files $uri /index.html =404; }
}
EOF
COPY public/ /usr/share/nginx/html/
EXPOSE 8080
