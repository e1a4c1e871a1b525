FROM localhost/trimtab/nginx:1.22-bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends gettext-base \
 && rm -rf /var/lib/apt/lists/*
COPY site.conf.template /etc/nginx/templates/site.conf
COPY --chmod=755 start.sh /usr/local/bin/start-site
EXPOSE 8080
CMD ["start-site"]
