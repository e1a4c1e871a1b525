FROM localhost/trimtab/nginx:1.22-bookworm
RUN mkdir -p /srv/site/pages \
 && printf 'page one\n' > /srv/site/pages/1.txt \
 && printf 'page two\n' > /srv/site/pages/2.txt \
 && chmod -R a+rX /srv/site
COPY site.conf /etc/nginx/conf.d/site.conf
EXPOSE 8080
