FROM localhost/trimtab/python:3.11-bookworm
COPY --link server.py /srv/app/
COPY --link words/ /srv/app/words/
WORKDIR /srv/app
EXPOSE 8000
CMD ["python", "server.py"]
