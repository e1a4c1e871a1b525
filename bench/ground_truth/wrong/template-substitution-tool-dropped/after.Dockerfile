FROM localhost/trimtab/nginx:1.22-bookworm
COPY site.conf.template /etc/nginx/templates/site.conf
COPY --chmod=755 start.sh /usr/local/bin/start-site
EXPOSE 8080
CMD ["start-site"]
