FROM localhost/trimtab/python:3.11-bookworm AS render
COPY render.py names.txt /build/
RUN mkdir /out && python3 /build/render.py /build/names.txt /out

FROM localhost/trimtab/nginx:1.22-bookworm
COPY --from=render /out/ /usr/share/nginx/html/
COPY site.conf /etc/nginx/conf.d/site.conf
EXPOSE 8080
