FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/deep/app
COPY server.py ./
RUN echo lamp > list.txt
EXPOSE 8000
CMD ["python", "server.py"]
