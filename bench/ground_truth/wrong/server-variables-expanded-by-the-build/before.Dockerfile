FROM localhost/trimtab/nginx:1.22-bookworm
COPY site.conf /etc/nginx/conf.d/site.conf
COPY public/ /usr/share/nginx/html/
EXPOSE 8080
