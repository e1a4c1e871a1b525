FROM localhost/trimtab/nginx:1.22-bookworm
MAINTAINER team@example.com
COPY site.conf /etc/nginx/conf.d/site.conf
EXPOSE 8080
