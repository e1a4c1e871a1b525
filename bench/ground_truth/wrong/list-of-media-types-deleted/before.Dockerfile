FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/gallery
COPY server.py ./
COPY pictures/ pictures/
EXPOSE 8000
CMD ["python", "server.py"]
