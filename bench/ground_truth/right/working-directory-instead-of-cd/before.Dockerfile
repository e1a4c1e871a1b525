FROM localhost/trimtab/python:3.11-bookworm
RUN mkdir -p /srv/deep/app
COPY server.py /srv/deep/app/
RUN cd /srv/deep/app && echo lamp > list.txt
WORKDIR /srv/deep/app
EXPOSE 8000
CMD ["python", "server.py"]
