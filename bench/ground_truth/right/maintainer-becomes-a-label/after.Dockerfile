FROM localhost/trimtab/nginx:1.22-bookworm
LABEL org.opencontainers.image.authors="team@example.com"
COPY site.conf /etc/nginx/conf.d/site.conf
EXPOSE 8080
