FROM localhost/trimtab/python:3.11-bookworm
COPY releases/ /srv/site/releases/
RUN ln -s releases/2 /srv/site/current
WORKDIR /srv/site
EXPOSE 8000
CMD ["python", "-m", "http.server", "8000", "--directory", "/srv/site/current"]
