FROM localhost/trimtab/nginx:1.22-bookworm
RUN mkdir -p /srv/site/pages
RUN printf 'page one\n' > /srv/site/pages/1.txt
RUN printf 'page two\n' > /srv/site/pages/2.txt
RUN chmod -R a+rX /srv/site
COPY site.conf /etc/nginx/conf.d/site.conf
EXPOSE 8080
