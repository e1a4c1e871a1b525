FROM localhost/trimtab/nginx:1.22-bookworm
LABEL maintainer="team@example.com"
COPY site.conf /etc/nginx/conf.d/site.conf
EXPOSE 8080
