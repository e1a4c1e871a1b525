FROM localhost/trimtab/nginx:1.22-bookworm
WORKDIR /srv/shop
COPY public/ public/
COPY site.conf /etc/nginx/conf.d/site.conf
EXPOSE 8080
