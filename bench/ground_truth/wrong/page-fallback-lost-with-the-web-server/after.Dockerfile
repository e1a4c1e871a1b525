FROM localhost/trimtab/nginx:1.22-bookworm
COPY public/ /usr/share/nginx/html/
COPY site.conf /etc/nginx/conf.d/site.conf
EXPOSE 8080
