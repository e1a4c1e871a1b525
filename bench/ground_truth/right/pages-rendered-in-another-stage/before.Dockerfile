FROM localhost/trimtab/nginx:1.22-bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-minimal \
 && rm -rf /var/lib/apt/lists/*
COPY render.py names.txt /build/
RUN python3 /build/render.py /build/names.txt /usr/share/nginx/html && rm -r /build
COPY site.conf /etc/nginx/conf.d/site.conf
EXPOSE 8080
